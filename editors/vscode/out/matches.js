"use strict";
// What a search has found, as it is shown.
Object.defineProperty(exports, "__esModule", { value: true });
exports.drawn = drawn;
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** The line without what leads it, and where in it the match is, in units of UTF-16. */
function drawn(said) {
    const characters = [...said.text];
    const start = said.column - (said.from ?? 1);
    const until = (count) => characters.slice(0, Math.max(0, count)).join("").length;
    const lead = Math.min(said.text.length - said.text.trimStart().length, until(start));
    const label = said.text.slice(lead).replace(UNSEEN, " ");
    return { label, highlights: [[until(start) - lead, Math.min(until(start + said.length) - lead, label.length)]] };
}
