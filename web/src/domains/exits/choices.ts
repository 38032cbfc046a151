/**
 * Which edge each gateway would take, as the gateways say. The API hands their documents on as they are, so each may be
 * of another version: what is not as expected is left out.
 */
import { answer, api } from "@/api/client";
import { numberOf, recordOf, textOf } from "./documents";

export interface Candidate {
  edge: string;
  name: string;
  rttMilliseconds: number | null;
  streams: number;
}

export interface Choice {
  gateway: string;
  /** The id of an edge; empty: none fits. */
  chosen: string;
  policy: string;
  candidates: Candidate[];
  /** How many edges were left out, by the reason. */
  excluded: [string, number][];
  /** Why nothing was chosen; null: it could be asked. */
  error: string | null;
}

export async function explainChoice(username: string, target: string): Promise<Choice[]> {
  const { gateways } = await answer(api.GET("/exits/select/explain", { params: { query: { username, target } } }));
  return readChoices(gateways);
}

export function readChoices(gateways: Record<string, unknown>): Choice[] {
  return Object.entries(gateways).map(([gateway, document]) => {
    const { chosen, policy, candidates, excluded, error } = recordOf(document);
    return {
      gateway,
      chosen: textOf(chosen),
      policy: textOf(policy),
      candidates: Array.isArray(candidates) ? candidates.map((one) => candidateOf(recordOf(one))) : [],
      excluded: Object.entries(recordOf(excluded)).map(([reason, count]) => [reason, numberOf(count)]),
      error: Array.isArray(candidates) ? null : textOf(error),
    };
  });
}

function candidateOf(one: Record<string, unknown>): Candidate {
  const rtt = one["rtt_ms"];
  return {
    edge: textOf(one["edge"]),
    name: textOf(one["name"]),
    rttMilliseconds: typeof rtt === "number" ? numberOf(rtt) : null,
    streams: numberOf(one["streams"]),
  };
}
