console.log("begin");
const = 3;
