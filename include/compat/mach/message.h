/* What is left of messages: the count of what a call answers, and two codes.
 * There are no messages between tasks. */
#ifndef PAGEWRIGHT_MACH_MESSAGE_H
#define PAGEWRIGHT_MACH_MESSAGE_H

#include <mach/kern_return.h>
#include <mach/port.h>

/* How many words or bytes come with an answer. */
typedef natural_t mach_msg_type_number_t;
typedef natural_t mach_msg_size_t;
typedef kern_return_t mach_msg_return_t;

#define MACH_MSG_SUCCESS 0x00000000
/* The call went to a port that is none, or whose task has ended. */
#define MACH_SEND_INVALID_DEST 0x10000003
/* vm_write: the bytes that were to go with the call are not there. */
#define MACH_SEND_INVALID_MEMORY 0x1000000c

#endif
