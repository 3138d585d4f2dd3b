function fail() {
  throw new Error("on purpose");
}
fail();
