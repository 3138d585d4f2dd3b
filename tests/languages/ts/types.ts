import {basename} from "node:path";

enum Colour { Red, Green = "green" }
interface Point { x: number; y?: number }
function add<T extends Point>(point: T): number { return point.x + (point.y ?? 0); }
class Named { constructor(private readonly name: string) {} toString(): string { return this.name; } }

const later = await Promise.resolve("awaited" as const);
console.log(add({x: 1, y: 2} satisfies Point), Colour.Green, `${new Named(basename("/a/module"))}`, later!);
