// What a server offers, as providers of VS Code: what it announced at first, and what it registers later.
import * as vscode from "vscode";
import { Params } from "../peer";
import { options } from "./capabilities";
import type { Client } from "./client";
import { FEATURES, Offer } from "./features";

const SETTINGS = "workspace/didChangeConfiguration";

interface Made {
  method: string;
  options: Params;
  offer: Offer | undefined;
}

export class Registrations implements vscode.Disposable {
  private readonly made = new Map<string, Made>();
  private over = false;

  constructor(private readonly client: Client) {}

  /** The same once more replaces the one before: a server that was started anew registers again. */
  add(id: string, method: string, given: Params): void {
    if (this.over) {
      return;
    }
    const said = options(given);
    for (const [other, one] of this.made) {
      if (other === id || (one.method === method && JSON.stringify(one.options) === JSON.stringify(said))) {
        this.remove(other);
      }
    }
    this.made.set(id, { method, options: said, offer: this.offer(method, said) });
  }

  remove(id: string): void {
    this.made.get(id)?.offer?.dispose();
    this.made.delete(id);
  }

  /** There are documents of another language now. */
  renew(): void {
    for (const one of this.made.values()) {
      one.offer?.dispose();
      one.offer = this.offer(one.method, one.options);
    }
  }

  /** What was asked of the server before has another answer now. */
  refresh(method: string): null {
    for (const one of this.made.values()) {
      if (one.method === method) {
        one.offer?.renewed?.fire();
      }
    }
    return null;
  }

  /** The settings whose changes it wants to hear of; undefined stands for all. */
  sections(): (string | undefined)[] {
    return [...this.made.values()]
      .filter(({ method }) => method === SETTINGS)
      .flatMap((one) => one.options.section as string | string[] | undefined);
  }

  dispose(): void {
    this.over = true;
    [...this.made.keys()].forEach((id) => this.remove(id));
  }

  private offer(method: string, said: Params): Offer | undefined {
    try {
      return FEATURES[method]?.(this.client, said);
    } catch (error) {
      this.client.log(`${method} is not offered: ${(error as Error).message}`);
      return undefined;
    }
  }
}
