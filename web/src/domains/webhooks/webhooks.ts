/** Webhooks: addresses that the controller tells what happens (docs/API.md, "Webhooks"). */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { all, answer, api } from "@/api/client";
import { put } from "@/api/queries";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];
export type Webhook = Schemas["WebhookDocument"];
export type NewWebhook = Schemas["NewWebhookRequest"];
export type WebhookChange = Schemas["WebhookChange"];

export const URL_LIMIT = 1024;
export const KINDS_LIMIT = 32;
/** What most people want to be told; any other kind can be typed. */
export const SUGGESTED_KINDS = [
  "*",
  "member.*",
  "member.join",
  "member.online",
  "member.offline",
  "link.path",
  "invite.*",
  "network.*",
  "policy.*",
  "name.*",
  "lock.*",
  "user.*",
  "token.*",
  "webhook.*",
  "session.open",
  "factor.*",
] as const;

const LIMIT = 500;
const KEY = ["webhooks"] as const;
const KIND = /^(\*|[a-z]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*(\.\*)?)$/;
const KIND_LIMIT = 40;

/** `isWanted`: whether who looks may see them. */
export function useWebhooks(isWanted = true) {
  return useQuery({
    queryKey: KEY,
    enabled: isWanted,
    queryFn: () => all((cursor) => api.GET("/webhooks", { params: { query: { cursor, limit: LIMIT } } })),
  });
}

export function useWebhookActions() {
  const cache = useQueryClient();
  const show = (webhook: Webhook) =>
    cache.setQueryData<Webhook[]>(KEY, (known) => known && put(known, { ...webhook, secret: null }, (one) => one.id));
  return {
    /** The answer has the secret, this once. */
    create: async (body: NewWebhook, repeatKey: string): Promise<Webhook> => {
      const made = await answer(api.POST("/webhooks", { params: { header: { "Idempotency-Key": repeatKey } }, body }));
      show(made);
      return made;
    },
    change: async (webhook: Webhook, body: WebhookChange): Promise<void> => {
      show(await answer(api.PATCH("/webhooks/{webhook}", { params: { path: { webhook: webhook.id } }, body })));
    },
    remove: async (webhook: Webhook): Promise<void> => {
      await answer(api.DELETE("/webhooks/{webhook}", { params: { path: { webhook: webhook.id } } }));
      cache.setQueryData<Webhook[]>(KEY, (known) => known?.filter((one) => one.id !== webhook.id));
    },
    test: (webhook: Webhook): Promise<unknown> =>
      answer(api.POST("/webhooks/{webhook}/test", { params: { path: { webhook: webhook.id } } })),
  };
}

export type WebhookState = "untried" | "good" | "failing" | "paused" | "gone";

/** How a webhook is: whether it is told anything, and what became of the last try. */
export function stateOf(webhook: Webhook): WebhookState {
  if (!webhook.is_enabled) return webhook.last_outcome === "gone" ? "gone" : "paused";
  if (webhook.last_at === null) return "untried";
  return webhook.last_outcome === "ok" ? "good" : "failing";
}

export function isKind(text: string): boolean {
  return text.length <= KIND_LIMIT && KIND.test(text);
}

/** As the controller takes it: http or https, a host, neither user name nor fragment. */
export function isReceiver(text: string): boolean {
  if (text.length > URL_LIMIT || !/^[!-~]+$/.test(text) || text.includes("#")) return false;
  try {
    const url = new URL(text);
    return ["http:", "https:"].includes(url.protocol) && url.hostname !== "" && url.username === "";
  } catch {
    return false;
  }
}
