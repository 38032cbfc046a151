import styles from "./Brand.module.css";

/** The mark: four nodes, and the way between them. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden className={styles.mark}>
      <path d="M8 8h16L8 24h16" strokeWidth="2.6" strokeLinejoin="round" strokeLinecap="round" />
      <circle cx="8" cy="8" r="3.6" />
      <circle cx="24" cy="8" r="3.6" className={styles.near} />
      <circle cx="8" cy="24" r="3.6" className={styles.near} />
      <circle cx="24" cy="24" r="3.6" />
    </svg>
  );
}
