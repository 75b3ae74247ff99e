// Not `.` and `..`: in an address they are no name, so nobody could have them forgotten.
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,63}$/;

/** What the name of a consumer of events must be; continues "must be". */
export const CONSUMER_NAME_RULE = '1 to 63 letters, digits, dots, colons, hyphens or underscores, and not . or ..';

export function isConsumerName(name: string): boolean {
  return NAME.test(name);
}
