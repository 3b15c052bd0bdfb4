// One line for the user, with buttons or without.
import * as vscode from "vscode";
import { plain } from "./words";

const shows = {
  error: vscode.window.showErrorMessage,
  warning: vscode.window.showWarningMessage,
  info: vscode.window.showInformationMessage,
};

export type Kind = keyof typeof shows;

export function say(kind: Kind, message: string): void {
  void shows[kind](`rbridge: ${plain(message)}`);
}

/** Which of the answers was chosen, undefined where none was. */
export async function ask(message: string, ...answers: string[]): Promise<string | undefined> {
  return vscode.window.showWarningMessage<string>(`rbridge: ${plain(message)}`, ...answers);
}
