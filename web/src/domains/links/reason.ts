/**
 * Why a link has the path it has, in the language of the page. Agents tell it as an English sentence (`why`: zerogo/reach/
 * pair.py) and as a short word on the last change (`reason`: zerogo/routing/hysteresis.py). What is recognised is said in
 * our own words; the rest is shown as it was told.
 */
import { useCallback } from "react";
import { useTranslation } from "react-i18next";

interface Told {
  reason?: string | null;
  why?: string | null;
}

const WHYS: [RegExp, string][] = [
  [/which does better than the direct path/, "better"],
  [/while a direct path is being looked for/, "looking"],
  [/NATs of both ends use another port/, "bothHard"],
  [/uses another port for each destination.*lets in only ports/, "oneHard"],
  [/lets? no UDP out/, "udpBlocked"],
  [/it has shut down/, "shutDown"],
  [/has not told its addresses/, "notHeard"],
  [/has no address in any network/, "nothingHere"],
  [/has IPv[46] only and .* has IPv[46] only/, "noFamily"],
  [/checks found no way/, "checksFailed"],
  [/is its turn in a moment/, "waiting"],
  [/addresses of both ends are being tried/, "connecting"],
  [/keys are being agreed/, "handshaking"],
  [/reached directly.*by IPv6/, "directIpv6"],
  [/reached directly.*without a NAT/, "directPlain"],
  [/reached directly.*gateway maps/, "directMapped"],
  [/reached directly.*the right port was found/, "directGuessed"],
  [/reached directly.*NAT/, "directNat"],
  [/reached directly/, "direct"],
];

const REASONS: Record<string, string> = {
  "first path": "first",
  "the path before stopped answering": "died",
  "better for 3 seconds": "betterFor",
  "the path before missed an answer": "missed",
  "a direct path was proven": "upgraded",
  "the best that answered after a failure": "settled",
  "a test of the relay": "tested",
  "the path before was not proven in time": "unproven",
  "no path is left": "lost",
  "a member is not connected to the controller": "offline",
};

/** The key of a sentence of agents; null: it is not known here. */
export function whyKey(why: string): string | null {
  return WHYS.find(([pattern]) => pattern.test(why))?.[1] ?? null;
}

/** The sentence; empty where nothing was told. */
export function useReason(): (told: Told) => string {
  const { t } = useTranslation("links");
  return useCallback(
    ({ reason, why }: Told) => {
      const key = why ? whyKey(why) : null;
      if (key !== null) return t(`why.${key}`);
      if (why) return why;
      const known = reason ? REASONS[reason] : undefined;
      return known === undefined ? (reason ?? "") : t(`reason.${known}`);
    },
    [t],
  );
}
