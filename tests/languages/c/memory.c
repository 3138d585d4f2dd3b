#include <stdlib.h>
#include <string.h>

int main(void) {
  for (;;) {
    char *block = malloc(16 << 20);
    memset(block, 1, 16 << 20);
    __asm__ volatile("" : : "r"(block) : "memory");
  }
}
