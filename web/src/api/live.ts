/**
 * The live connection: one WebSocket that first brings everything, then what changes, into the query cache.
 *
 * It is opened with a ticket, good once, since a browser cannot send headers there. Lost, it is opened again after
 * 0.25 s, then after twice as long each time, at most 5 s, with a part that is random: dashboards do not return in step.
 */
import type { QueryClient } from "@tanstack/react-query";
import { API_BASE, answer, api } from "./client";
import { applyChanges, applySnapshot, type Changes, type Snapshot } from "./liveMessages";
import { applyOutdated } from "./outdated";
import { Problem } from "./problem";

export type LiveState = "connecting" | "live" | "reconnecting";

const FIRST_WAIT_SECONDS = 0.25;
const LONGEST_WAIT_SECONDS = 5;
const SESSION_OVER = 4401;

export class LiveConnection {
  state: LiveState = "connecting";
  /** Unix milliseconds of the last message; null: none yet. */
  heardAt: number | null = null;

  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private failures = 0;
  private isStopped = true;
  /** Counts the attempts: only the newest may become the connection. */
  private attempt = 0;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly cache: QueryClient,
    private readonly sessionEnded: () => void,
  ) {}

  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    window.addEventListener("online", this.now);
    void this.open();
  }

  stop(): void {
    this.isStopped = true;
    window.removeEventListener("online", this.now);
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.become("connecting");
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Do not wait any longer for the next attempt. */
  private now = (): void => {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
    void this.open();
  };

  private async open(): Promise<void> {
    const attempt = ++this.attempt;
    let ticket: string;
    try {
      ticket = (await answer(api.POST("/websocket-tickets"))).ticket;
    } catch (error) {
      // The client has told of a session that ended; who logs in again starts us again.
      if (attempt === this.attempt && Problem.ofUnknown(error).status !== 401) this.again();
      return;
    }
    if (this.isStopped || attempt !== this.attempt) return;
    const address = new URL(`${API_BASE}/live`);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("ticket", ticket);
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.onmessage = (event) => {
      if (this.socket === socket) this.heard(String(event.data));
    };
    socket.onclose = (event) => this.closed(socket, event.code);
  }

  private heard(text: string): void {
    let message: { t?: unknown };
    try {
      message = JSON.parse(text) as { t?: unknown };
    } catch {
      return;
    }
    if (message.t === "snapshot") {
      applySnapshot(this.cache, message as Snapshot);
      this.failures = 0;
      this.become("live");
    } else if (message.t === "changes") {
      applyChanges(this.cache, (message as Changes).changes);
      applyOutdated(this.cache, (message as Changes).outdated ?? []);
    }
    this.heardAt = Date.now();
  }

  private closed(socket: WebSocket, code: number): void {
    if (this.socket !== socket) return;
    this.socket = null;
    if (code === SESSION_OVER) {
      this.become("reconnecting");
      this.sessionEnded();
    } else {
      this.again();
    }
  }

  private again(): void {
    if (this.isStopped || this.timer !== null) return;
    this.become("reconnecting");
    const wait = Math.min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** this.failures);
    this.failures += 1;
    this.timer = setTimeout(this.now, wait * 1000 * (0.5 + Math.random() / 2));
  }

  private become(state: LiveState): void {
    if (this.state === state) return;
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}
