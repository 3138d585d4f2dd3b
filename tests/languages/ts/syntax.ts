console.log("begin");
const x: = 3;
