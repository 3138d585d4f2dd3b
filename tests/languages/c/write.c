#include <stdio.h>

int main(void) {
  FILE *file = fopen("out.txt", "w");
  fputs("written\n", file);
  return fclose(file);
}
