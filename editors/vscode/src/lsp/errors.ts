// What a language server's error is worth: to be said, or to be passed over.
import { LOST, RpcError } from "../peer";

const NO_METHOD = -32601;
const REQUEST_CANCELLED = -32800;
const CONTENT_MODIFIED = -32801;
const SERVER_CANCELLED = -32802;
const QUIET = [LOST, NO_METHOD, REQUEST_CANCELLED, CONTENT_MODIFIED, SERVER_CANCELLED];

/** Whether nobody has to hear of it: it was given up, or the text or the server is another one now. */
export function isQuiet(error: unknown): boolean {
  return error instanceof RpcError && QUIET.includes(error.code);
}

/** Whether the same question may have another answer in a moment. */
export function isPassing(error: unknown): boolean {
  return error instanceof RpcError && error.code !== NO_METHOD && QUIET.includes(error.code);
}
