import { randomBytes, timingSafeEqual } from 'node:crypto';

const CHALLENGE_BYTES = 24;

/** A text that only somebody who has read the request can answer with. */
export function newChallenge(): string {
  return randomBytes(CHALLENGE_BYTES).toString('base64url');
}

/** Whether an answer is the challenge: the text alone, or a JSON object with it as `challenge`. */
export function isEchoed(answer: Buffer, challenge: string): boolean {
  const text = answer.toString('utf8').trim();
  return isSame(text, challenge) || isSame(challengeIn(text), challenge);
}

function challengeIn(text: string): string {
  if (!text.startsWith('{')) return '';
  try {
    const { challenge } = JSON.parse(text) as { challenge?: unknown };
    return typeof challenge === 'string' ? challenge : '';
  } catch {
    return '';
  }
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
