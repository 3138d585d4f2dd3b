function fail(): never {
  throw new Error("on purpose");
}
fail();
