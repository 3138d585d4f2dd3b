#include <stdio.h>

int main(void) {
  FILE *file = fopen("data.txt", "r");
  for (int c; (c = getc(file)) != EOF;) putchar(c);
}
