#include <stdio.h>

#warning "for the programmer"
int main(void) {
  puts("fine");
}
