"use strict";
// What comes from a host and is shown.
Object.defineProperty(exports, "__esModule", { value: true });
exports.plain = plain;
/**
 * A line that is nothing but text: VS Code would make links of `[a](command:b)` in what it tells its user, and
 * pictures of `$(a)` in the status bar.
 */
function plain(words) {
    return words.replace(/\]\(/g, "] (").replace(/\$\(/g, "$ (");
}
