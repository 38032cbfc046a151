import { useQueryClient } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { putMember } from "@/api/queries";

/** Lets others reach a network through a member, or not any more. */
export function useSubnetDecision() {
  const cache = useQueryClient();
  return async (network: string, node: string, subnet: string, isApproved: boolean): Promise<void> => {
    const changed = await answer(
      api.POST("/networks/{network}/members/{node}/subnets", {
        params: { path: { network, node } },
        body: { subnet, is_approved: isApproved },
      }),
    );
    putMember(cache, changed);
  };
}
