import { useCallback, useState } from "react";
import type { Policy } from "./policies";

/** What somebody typed, and the policy that it is based on. */
export interface Draft {
  text: string;
  basis: Policy;
}

const keyOf = (network: string) => `zerogo.policy-draft.${network}`;

/** Kept in this tab until it is saved or thrown away, also when the page is left or loaded anew. */
export function usePolicyDraft(network: string, saved: Policy) {
  const [draft, setDraft] = useState<Draft | null>(() => stored(network));
  const write = useCallback(
    (next: Draft | null) => {
      setDraft(next);
      if (next === null) sessionStorage.removeItem(keyOf(network));
      else sessionStorage.setItem(keyOf(network), JSON.stringify(next));
    },
    [network],
  );
  const basis = draft?.basis ?? saved;
  return {
    text: draft?.text ?? saved.text,
    basis,
    isChanged: draft !== null && draft.text !== basis.text,
    type: (text: string) => write(text === saved.text ? null : { text, basis }),
    /** Goes on from another policy with the same text. */
    rebase: (policy: Policy) => write(draft && { ...draft, basis: policy }),
    discard: () => write(null),
  };
}

function stored(network: string): Draft | null {
  const found = sessionStorage.getItem(keyOf(network));
  return found === null ? null : (JSON.parse(found) as Draft);
}
