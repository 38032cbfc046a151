import { Link } from "react-router";
import { Mark } from "./Mark";
import styles from "./Brand.module.css";

export function Brand() {
  return (
    <Link to="/" className={styles.brand}>
      <Mark />
      ZeroGo
    </Link>
  );
}
