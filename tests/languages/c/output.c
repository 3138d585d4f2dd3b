#include <stdio.h>

int main(void) {
  for (int i = 0; i < 5 << 10; i++) printf("%01023d\n", i);
}
