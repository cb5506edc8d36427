/* Forks when told to: by a line on its input, its children by SIGUSR1. Says the new pid. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *probe;
static char stack[65536];

static void say(int pid)
{
	char text[32];
	int length = snprintf(text, sizeof text, "%d\n", pid);
	if (write(1, text, length) != length)
		_exit(3);
}

/* Whether what the program had before is as it was. */
static int sound(void)
{
	char *more = malloc(100000);
	memset(more, 5, 100000);
	int good = !strcmp(probe, "probe") && more[99999] == 5;
	free(more);
	return good;
}

/* A child: SIGUSR1: fork; SIGUSR2: end. */
static int live(void *nothing)
{
	(void)nothing;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	for (;;) {
		int number = sigwaitinfo(&set, NULL);
		if (number == SIGUSR2)
			_exit(sound() ? 7 : 8);
		if (number != SIGUSR1)
			continue;
		int pid = fork();
		if (pid)
			say(pid);
	}
}

int main(void)
{
	char line;
	int pid = 0, status;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	probe = strdup("probe");
	say(getpid());
	while (read(0, &line, 1) == 1) {
		switch (line) {
		case 'f':
			pid = fork();
			break;
		case 'c':
			pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
			break;
		case 'v':
			pid = clone(live, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
			break;
		case 'w':
			waitpid(pid, &status, 0);
			say(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
			continue;
		default:
			continue;
		}
		if (!pid)
			live(NULL);
		say(pid);
	}
	return sound() ? 0 : 8;
}
