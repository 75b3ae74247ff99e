/** Something the person who starts the process can put right. The message is a sentence that says how. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
