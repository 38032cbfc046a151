/**
 * The API, typed by its own OpenAPI document. Requests throw `Problem`; what they answer is `.data`.
 *
 * The session's cookie goes by itself; what changes something brings the session's CSRF token. Addresses are relative
 * to the page, so that the dashboard works below any path prefix.
 */
import createClient, { type Middleware } from "openapi-fetch";
import { Problem } from "./problem";
import type { paths } from "./schema";

export const API_BASE = new URL("api/v1/", document.baseURI).href.replace(/\/$/, "");

let csrfToken: string | null = null;
let sessionEnded: () => void = () => undefined;

/** Of the session that was opened; null: none is. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** What is called when the API no longer knows our session. */
export function onSessionEnded(listener: () => void): void {
  sessionEnded = listener;
}

const ASKS_WHO_WE_ARE = /\/(auth\/session|bootstrap)$/;

const session: Middleware = {
  onRequest({ request }) {
    if (csrfToken !== null && request.method !== "GET") request.headers.set("X-CSRF-Token", csrfToken);
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok) return response;
    const problem = await Problem.of(response);
    if (problem.code === "unauthorized" && !ASKS_WHO_WE_ARE.test(new URL(request.url).pathname)) sessionEnded();
    throw problem;
  },
};

export const api = createClient<paths>({
  baseUrl: API_BASE,
  credentials: "same-origin",
  // Looked up at each call, so that a test can put its own in place.
  fetch: (request) => globalThis.fetch(request),
});
api.use(session);

/** What a request answered; the middleware threw where it was refused. */
export async function answer<Body>(request: Promise<{ data?: Body }>): Promise<Body> {
  const { data } = await request.catch((error: unknown) => {
    throw Problem.ofUnknown(error);
  });
  return data as Body;
}

interface Page<Item> {
  items: Item[];
  next_cursor?: string | null;
}

/** All pieces of a list. */
export async function all<Item>(
  piece: (cursor: string | undefined) => Promise<{ data?: Page<Item> }>,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const page = await answer(piece(cursor));
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}
