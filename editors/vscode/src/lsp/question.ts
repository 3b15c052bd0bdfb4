// A question about a document: to the server that has it, in the protocol's words, with what may go wrong.
import * as vscode from "vscode";
import { Params } from "../peer";
import type { Client } from "./client";
import { isPassing, isQuiet } from "./errors";
import { Reading } from "./reading";

type Document = vscode.TextDocument;

/** What VS Code gives with a question. */
export interface Asked {
  document: Document;
  token: vscode.CancellationToken;
}

export function place({ line, character }: vscode.Position): object {
  return { line, character };
}

export function stretch({ start, end }: vscode.Range): object {
  return { start: place(start), end: place(end) };
}

/** One thing that a server offers, for the documents that it has. */
export class Question {
  readonly reading: Reading;

  constructor(
    readonly client: Client,
    readonly options: Params,
  ) {
    this.reading = client.reading;
  }

  get selector(): vscode.DocumentFilter[] {
    return [...this.client.languages].map((language) => ({ scheme: "rbridge", language }));
  }

  /** Whether the server has this document, and offers it for such documents. */
  serves(document: Document): boolean {
    const selector = this.options.documentSelector;
    try {
      return this.client.has(document) && (!Array.isArray(selector) || vscode.languages.match(selector, document) > 0);
    } catch {
      return true; // a selector that VS Code cannot read excludes nothing
    }
  }

  /** Ask, and make of the answer what VS Code wants. Undefined where there is no answer. */
  async ask<T>(asked: Asked, method: string, more: object, make: (said: Params) => T | Promise<T>): Promise<T | undefined> {
    try {
      return await this.say(asked, method, more, make);
    } catch (error) {
      this.failed(method, error);
      return undefined;
    }
  }

  /** The same where no answer would remove what is shown: VS Code keeps it when it is told to ask again. */
  async keep<T>(asked: Asked, method: string, more: object, make: (said: Params) => T | Promise<T>): Promise<T | undefined> {
    try {
      return await this.say(asked, method, more, make);
    } catch (error) {
      if (isPassing(error)) {
        throw new vscode.CancellationError();
      }
      this.failed(method, error);
      return undefined;
    }
  }

  /** The same for what the user wants done. Throws with a line for the user. */
  async must<T>(asked: Asked, method: string, more: object, make: (said: Params) => T | Promise<T>): Promise<T | undefined> {
    try {
      return await this.say(asked, method, more, make);
    } catch (error) {
      if (isQuiet(error)) {
        return undefined;
      }
      throw new Error(`${this.client.label}: ${(error as Error).message}`);
    }
  }

  /** Ask for the rest of something that the server gave before; that itself where there is none. */
  async rest<T extends object>(
    made: T,
    method: string,
    token: vscode.CancellationToken,
    fill: (said: Params) => T | Promise<T>,
  ): Promise<T> {
    const before = this.reading.source(made);
    if (before === undefined) {
      return made;
    }
    try {
      const said = await this.client.ask(method, before, token);
      return said ? await fill(said) : made;
    } catch (error) {
      this.failed(method, error);
      return made;
    }
  }

  failed(method: string, error: unknown): void {
    if (!isQuiet(error)) {
      this.client.log(`${method}: ${(error as Error).message}`);
    }
  }

  private async say<T>(
    { document, token }: Asked,
    method: string,
    more: object,
    make: (said: Params) => T | Promise<T>,
  ): Promise<T | undefined> {
    if (!this.serves(document)) {
      return undefined;
    }
    const textDocument = { uri: document.uri.toString() };
    const said = await this.client.ask(method, { textDocument, ...more }, token);
    return said === null || said === undefined || token.isCancellationRequested ? undefined : make(said);
  }
}
