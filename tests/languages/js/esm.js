import {basename} from "node:path";
const later = await Promise.resolve("awaited");
console.log(basename("/a/module"), later);
