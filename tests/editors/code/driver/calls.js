// Runs what a test sends: one connection a call, a line of JSON {"code", "args"} there, one back.
"use strict";
const net = require("net");

const Work = Object.getPrototypeOf(async function () {}).constructor;

/** Serve on a Unix socket; the code sees the names in `scope`, and `args`. */
function serve(path, scope) {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const parts = [];
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => parts.push(data));
    socket.on("end", async () => {
      let answer;
      try {
        const { code, args } = JSON.parse(Buffer.concat(parts).toString());
        const work = new Work("args", ...Object.keys(scope), code);
        answer = { result: (await work(args, ...Object.values(scope))) ?? null };
      } catch (error) {
        answer = { error: String((error && error.stack) || error) };
      }
      socket.end(JSON.stringify(answer));
    });
  });
  server.listen(path);
  return server;
}

module.exports = { serve };
