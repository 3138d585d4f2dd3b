'use strict';
// start.js MODULES DATA: s3rver on a free port of loopback, with its objects below DATA. Prints `port N` when it takes
// requests. What it lacks: it knows no If-None-Match on writes (and ignores it), cannot abort an upload (405) or list
// uploads (501), and believes every signature that is well-formed; the proxy in front of it sees to the signatures.

const [modules, data] = process.argv.slice(2);
const S3rver = require(`${modules}/s3rver`);

new S3rver({ address: '127.0.0.1', port: 0, directory: data, silent: true, vhostBuckets: false })
  .run()
  .then(({ port }) => console.log(`port ${port}`))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
