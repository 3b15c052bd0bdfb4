"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.isQuiet = isQuiet;
exports.isPassing = isPassing;
// What a language server's error is worth: to be said, or to be passed over.
const peer_1 = require("../peer");
const NO_METHOD = -32601;
const REQUEST_CANCELLED = -32800;
const CONTENT_MODIFIED = -32801;
const SERVER_CANCELLED = -32802;
const QUIET = [peer_1.LOST, NO_METHOD, REQUEST_CANCELLED, CONTENT_MODIFIED, SERVER_CANCELLED];
/** Whether nobody has to hear of it: it was given up, or the text or the server is another one now. */
function isQuiet(error) {
    return error instanceof peer_1.RpcError && QUIET.includes(error.code);
}
/** Whether the same question may have another answer in a moment. */
function isPassing(error) {
    return error instanceof peer_1.RpcError && error.code !== NO_METHOD && QUIET.includes(error.code);
}
