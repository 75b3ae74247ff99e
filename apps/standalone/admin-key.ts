/** Kept nowhere: whoever starts the market takes it from the screen. */
export function printAdminKey(key: string): void {
  console.log(
    `The administrator's key, shown this one time: ${key}\nKeep it safe. With it, POST /openapi/v1/admin/owners makes the first owner.\n`,
  );
}
