// What a server is busy with, in the status bar.
import * as vscode from "vscode";
import { Params } from "../peer";
import { plain } from "../words";

interface Shown {
  report(message: string): void;
  done(): void;
}

export class Progress implements vscode.Disposable {
  private readonly shown = new Map<unknown, Shown>();

  constructor(private readonly label: string) {}

  hear(params: Params): void {
    const { token, value } = params;
    if (value?.kind === "begin") {
      this.end(token);
      this.begin(token, String(value.title ?? ""));
    }
    if (value?.kind === "end") {
      this.end(token);
    } else {
      const percentage = typeof value?.percentage === "number" ? `${Math.round(value.percentage)} %` : "";
      this.shown.get(token)?.report([value?.message ?? "", percentage].filter(Boolean).join(" "));
    }
  }

  dispose(): void {
    [...this.shown.keys()].forEach((token) => this.end(token));
  }

  private begin(token: unknown, title: string): void {
    const options = { location: vscode.ProgressLocation.Window, title: plain(`${this.label}: ${title}`) };
    void vscode.window.withProgress(options, (progress) => {
      return new Promise<void>((done) => {
        this.shown.set(token, { report: (message) => progress.report({ message: plain(message) }), done });
      });
    });
  }

  private end(token: unknown): void {
    this.shown.get(token)?.done();
    this.shown.delete(token);
  }
}
