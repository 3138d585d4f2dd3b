import * as fs from "fs";
fs.writeFileSync("out.txt", "written\n");
