export type TextStatistics = {
  characters: number;
  words: number;
  sentences: number;
  paragraphs: number;
  readingSeconds: number;
  topWords: { word: string; count: number }[];
};

const WORDS_PER_MINUTE = 230;
const TOP_WORDS = 10;
const WORD_LENGTH_MIN = 3;

/** Counts what a reader would count, in any script: words and sentences are found by Unicode's rules, not by spaces. */
export function textStatistics(text: string): TextStatistics {
  const words = [...new Intl.Segmenter('en', { granularity: 'word' }).segment(text)].filter((part) => part.isWordLike);
  const sentences = [...new Intl.Segmenter('en', { granularity: 'sentence' }).segment(text)];
  return {
    characters: [...new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text)].length,
    words: words.length,
    sentences: sentences.filter(({ segment }) => /[\p{L}\p{N}]/u.test(segment)).length,
    paragraphs: text.split(/\n\s*\n/).filter((paragraph) => paragraph.trim() !== '').length,
    readingSeconds: Math.ceil((words.length / WORDS_PER_MINUTE) * 60),
    topWords: mostFrequent(words.map(({ segment }) => segment.toLowerCase())),
  };
}

function mostFrequent(words: string[]): { word: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const word of words) if ([...word].length >= WORD_LENGTH_MIN) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .map(([word, count]) => ({ word, count }))
    .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
    .slice(0, TOP_WORDS);
}
