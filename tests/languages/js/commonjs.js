const path = require("path");
module.exports = {};
console.log(path.basename(__filename), typeof require);
