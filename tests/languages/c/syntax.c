#include <stdio.h>

int main(void) {
  puts("begin");
  return 0
}
