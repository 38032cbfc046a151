/** The network lock: whether the network has one, whom it has signed, and how its owner signs. */
import { useTranslation } from "react-i18next";
import { useNetworkId } from "@/app/paths";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { LockedMembers } from "./LockedMembers";
import { LockFacts, LockSteps } from "./LockSteps";
import { unsigned, useLock, useLockedMembers } from "./lock";
import { SignNow } from "./SignNow";

export default function LockPage() {
  const { t } = useTranslation("lock");
  const network = useNetworkId();
  return (
    <Page title={t("title")} intro={t("intro")}>
      <QueryState query={useLock(network)}>
        {(lock) =>
          lock.is_locked ? (
            <Locked network={network} lockKey={lock.key ?? ""} />
          ) : (
            <LockSteps network={network} hadLock={lock.end !== null} />
          )
        }
      </QueryState>
    </Page>
  );
}

function Locked({ network, lockKey }: { network: string; lockKey: string }) {
  const { t } = useTranslation("lock");
  const query = useLockedMembers(network);
  return (
    <QueryState query={query}>
      {(members) => {
        const waiting = unsigned(members);
        return (
          <>
            {waiting.length > 0 && <SignNow network={network} waiting={waiting} />}
            <Section title={t("state.title")}>
              <LockFacts lockKey={lockKey} members={members} />
            </Section>
            <Section title={t("members.title")}>
              <LockedMembers network={network} members={members} />
            </Section>
          </>
        );
      }}
    </QueryState>
  );
}
