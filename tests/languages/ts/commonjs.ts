const path = require("path") as any;
console.log(path.basename(__filename), (7 as number));
