/**
 * A controller's API for tests: answers are typed by the API's own OpenAPI document, so a test cannot answer with what
 * the controller never would. A request that nobody expects fails its test.
 */
import { afterEach, beforeEach, expect, vi } from "vitest";
import type { Role } from "@/api/documents";
import type { paths } from "@/api/schema";

type Method = "get" | "put" | "post" | "patch" | "delete";
type Json<Responses> = {
  [Status in keyof Responses & (200 | 201 | 204)]: Responses[Status] extends { content: { "application/json": infer Body } }
    ? Body
    : null;
}[keyof Responses & (200 | 201 | 204)];
type Operations = {
  [Path in keyof paths as `${Uppercase<keyof paths[Path] & Method>} ${Path}`]: {
    [Verb in keyof paths[Path] & Method as Uppercase<Verb>]: paths[Path][Verb];
  };
};
export type Operation = keyof Operations;
type AnswerOf<Name extends Operation> = Name extends `${infer Verb} ${string}`
  ? Verb extends keyof Operations[Name]
    ? Operations[Name][Verb] extends { responses: infer Responses }
      ? Json<Responses>
      : never
    : never
  : never;

export interface Asked {
  operation: Operation;
  /** The variable parts of the path, and of the query. */
  path: Record<string, string>;
  query: Record<string, string>;
  headers: Headers;
  body: unknown;
}

/** A refusal, as the API words it. */
export class Refusal {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail = "",
  ) {}
}

interface Tagged<Body> {
  body: Body;
  tag: string;
}

type Answerer<Name extends Operation> = (asked: Asked) => AnswerOf<Name> | Tagged<AnswerOf<Name>> | Refusal;
type Answerers = { [Name in Operation]?: Answerer<Name> };

let answerers: Answerers = {};
/** What was asked since the test began. */
export let asked: Asked[] = [];

beforeEach(() => {
  answerers = {};
  asked = [];
  vi.stubGlobal("fetch", answer);
  vi.stubGlobal("Request", AbsoluteRequest);
});

afterEach(() => {
  vi.unstubAllGlobals();
  const unexpected = asked.filter(({ operation }) => !(operation in answerers));
  expect(unexpected.map(({ operation }) => operation)).toEqual([]);
});

/** Adds answers, or puts others in their place. */
export function answering(more: Answerers): void {
  answerers = { ...answerers, ...more };
}

/** Somebody with this role is logged in. */
export function loggedInAs(role: Role): void {
  const session = { user: { id: "user1", name: "anna", role }, csrf_token: "csrf" };
  answering({ "GET /auth/session": () => session });
}

export function askedFor(operation: Operation): Asked[] {
  return asked.filter((one) => one.operation === operation);
}

/** Node's own refuses the signals of jsdom. */
class AbsoluteRequest extends globalThis.Request {
  constructor(input: RequestInfo | URL, init?: RequestInit) {
    super(input, { ...init, signal: null });
  }
}

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const place = url.pathname.replace(/^.*?\/api\/v1/, "");
  const found = find(request.method, place);
  const text = await request.text();
  const question: Asked = {
    operation: found?.operation ?? (`${request.method} ${place}` as Operation),
    path: found?.path ?? {},
    query: Object.fromEntries(url.searchParams),
    headers: request.headers,
    body: text ? (JSON.parse(text) as unknown) : null,
  };
  asked.push(question);
  const answerer = found && (answerers[found.operation] as ((asked: Asked) => unknown) | undefined);
  return responseOf(answerer ? answerer(question) : new Refusal(404, "not-found"));
}

function find(method: string, place: string): { operation: Operation; path: Record<string, string> } | null {
  for (const operation of Object.keys(answerers) as Operation[]) {
    const [verb, template = ""] = operation.split(" ");
    if (verb !== method) continue;
    const match = new RegExp(`^${template.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`).exec(place);
    if (match) return { operation, path: { ...match.groups } };
  }
  return null;
}

function responseOf(result: unknown): Response {
  if (result instanceof Refusal) {
    const { status, code, detail } = result;
    const document = { type: `urn:zerogo:problem:${code}`, title: code, status, code, detail };
    return new Response(JSON.stringify(document), { status, headers: { "Content-Type": "application/problem+json" } });
  }
  const { body, tag } = isTagged(result) ? result : { body: result, tag: null };
  const headers = { "Content-Type": "application/json", ...(tag !== null && { ETag: `"${tag}"` }) };
  return body === null ? new Response(null, { status: 204 }) : new Response(JSON.stringify(body), { headers });
}

function isTagged(result: unknown): result is Tagged<unknown> {
  return typeof result === "object" && result !== null && "tag" in result && "body" in result;
}
