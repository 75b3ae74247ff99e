const INVISIBLE = /[\p{Cf}\p{Cc}\u2800\u3164]/gu;

/** What logins are compared by: names that differ in case, in blanks or in what cannot be seen are one. */
export function loginKey(login: string): string {
  return login.normalize('NFKC').replace(INVISIBLE, '').replaceAll(/\s+/g, ' ').trim().toLowerCase();
}
