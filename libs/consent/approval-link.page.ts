import { shellsInWords } from '#kernel';
import { escapeHtml } from '#platform';
import type { Approval } from './approval.store.js';
import type { Action } from './consent.js';

/** Title and HTML of a page. Names in it are written by strangers, so every text goes through `text`. */
export type LinkPage = { title: string; body: string };

export function askPage({ sentence, agentName, agentId, amount, expiresAt, action }: Approval): LinkPage {
  const most = shellsInWords(amount);
  return {
    title: 'Your agent asks',
    body: `<h1>Your agent asks</h1>
<p><bdi>${text(sentence)}</bdi></p>
<dl>
<dt>Agent</dt><dd><bdi>${text(agentName)}</bdi> (${agentId})</dd>
<dt>${action in PRICED ? 'Price' : 'At most'}</dt><dd>${most}</dd>
<dt>Decide by</dt><dd>${timeOf(expiresAt)}</dd>
</dl>
<form method="post">
<button name="decision" value="approve">Approve</button>
<button name="decision" value="deny">Deny</button>
</form>
<p>This link decides once. If nobody decides in time, it is denied.</p>`,
  };
}

export function donePage(approval: Approval): LinkPage {
  const { title, sentences } = outcomeOf(approval);
  const lines = [approval.sentence, ...sentences].map((line) => `<p><bdi>${text(line)}</bdi></p>`);
  return { title, body: `<h1>${text(title)}</h1>\n${lines.join('\n')}\n<p>This link opens nothing any more.</p>` };
}

/** One answer for what never was, was used, or is over, so that nobody learns which. */
export function nothingPage(): LinkPage {
  return {
    title: 'This link opens nothing',
    body: `<h1>This link opens nothing</h1>
<p>It was used already, has expired, was replaced by a newer one, or is not whole. If you have just decided with it, your decision counts.</p>
<p><code>c4c approvals list</code> shows what waits for a decision, and what became of the rest.</p>`,
  };
}

export function elsewherePage(): LinkPage {
  return {
    title: 'Not decided',
    body: `<h1>Not decided</h1>
<p>The decision came from another page than this server's own. Nothing has happened; open the link itself to decide.</p>`,
  };
}

function outcomeOf({ state, action, resultId, problem, expiresAt }: Approval): { title: string; sentences: string[] } {
  switch (state) {
    case 'executed':
      return { title: 'Approved, and done', sentences: [`It is ${RESULTS[action]} ${String(resultId)}.`] };
    case 'failed':
      return {
        title: 'Approved, but it could not be done',
        sentences: [String(problem?.['message'] ?? ''), 'Nothing was spent.'],
      };
    case 'denied':
      return {
        title: 'Denied',
        sentences: [`Nothing is done, and the same is not asked again before ${timeOf(expiresAt)}.`],
      };
    default:
      return {
        title: 'Approved',
        sentences: [
          `It cannot be done at this moment. It is done as soon as it can be, or not at all after ${timeOf(expiresAt)}.`,
        ],
      };
  }
}

const RESULTS: Readonly<Record<Action, string>> = {
  invoke: 'invocation',
  hire: 'employment',
  task: 'task',
  publish: 'service',
  price_change: 'service',
};

/** These spend nothing: the amount is what others will pay. */
const PRICED: Partial<Record<Action, true>> = { publish: true, price_change: true };

function timeOf(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

// Controls, zero-width and direction marks: they could make one name look like another. They are shown as what they are.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function text(raw: string): string {
  return escapeHtml(
    raw.replace(UNSEEN, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`),
  );
}
