/** A name that a stranger chose: always text, cut where it is long, and whole on hover. */
export function Name({ children }: { children: string }) {
  return (
    <bdi className="name" title={children}>
      {children}
    </bdi>
  );
}
