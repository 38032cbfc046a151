/** Domains whose routes the API has: those of a newer or smaller controller are left out. */
import { useQuery } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { domains, type Domain } from "../domain";

const always = domains.filter((domain) => domain.isOffered === undefined);

export function useOfferedDomains(): Domain[] {
  const { data } = useQuery({
    queryKey: ["openapi"],
    enabled: always.length < domains.length,
    queryFn: async () => {
      const document: unknown = await answer(api.GET("/openapi.json"));
      return new Set(Object.keys((document as { paths?: object }).paths ?? {}));
    },
  });
  return data === undefined ? always : domains.filter((domain) => domain.isOffered?.(data) ?? true);
}
