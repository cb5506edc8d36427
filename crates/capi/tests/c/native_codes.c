/* Says what the library calls each number, for whoever has the header beside it. */
#include <pagewright.h>

#include <stdio.h>

int main(void) {
    for (unsigned number = 0; number < 256; number++) {
        printf("%u %s\n", number, pw_code_name((pw_code)number));
    }
    return 0;
}
