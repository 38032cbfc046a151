/**
 * Networks' secrets that were made or typed here a moment ago, so that the next invite need not ask for one again. They are
 * in this page's memory only, and forgotten when the page is closed, when who is logged in logs out, and after a while.
 */
import { useQueryClient } from "@tanstack/react-query";

const KEY = "network-secret";
const KEPT_MILLISECONDS = 600_000;

interface KeptSecrets {
  /** Empty: none is known. */
  of: (network: string) => string;
  keep: (network: string, secret: string) => void;
}

export function useKeptSecrets(): KeptSecrets {
  const cache = useQueryClient();
  return {
    of: (network) => cache.getQueryData<string>([KEY, network]) ?? "",
    keep: (network, secret) => {
      cache.setQueryDefaults([KEY], { gcTime: KEPT_MILLISECONDS });
      cache.setQueryData([KEY, network], secret);
    },
  };
}
