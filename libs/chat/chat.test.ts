import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#kernel';
import { metadataOf, targetOf } from './chat.js';
import { readChatFrame } from './chat-frames.js';

describe('what comes with a message', () => {
  it.each([
    [{}, undefined],
    [{ attachments: [] }, undefined],
    [{ language: 'en' }, { language: 'en' }],
    [{ format: 'plain', attachments: [] }, { format: 'plain' }],
    [
      {
        attachments: [
          { url: 'https://example.com' },
          { url: 'https://example.com/b', type: 'image', name: 'b', size: 1 },
        ],
      },
      {
        attachments: [
          { type: 'file', url: 'https://example.com', name: '', size: 0 },
          { type: 'image', url: 'https://example.com/b', name: 'b', size: 1 },
        ],
      },
    ],
  ])('%j is kept as %j', (given, kept) => {
    expect(metadataOf(given)).toEqual(kept);
  });
});

describe('the newest message that is read', () => {
  it.each([
    [7n, { id: 7n, messageId: undefined }],
    ['7', { id: 7n, messageId: '7' }],
    ['msg_7', { id: undefined, messageId: 'msg_7' }],
    ['07', { id: undefined, messageId: '07' }],
    ['9007199254740993', { id: undefined, messageId: '9007199254740993' }],
    ['99999999999999999999', { id: undefined, messageId: '99999999999999999999' }],
  ])('%s', (last, target) => {
    expect(targetOf(last)).toEqual(target);
  });
});

describe('a frame of the chat', () => {
  it('has its fields, and passes over what else a client puts beside them', () => {
    const beside = { type: 'message', ref: 'a', timestamp: '2026-03-01T12:00:00Z', senderAgentId: 9 };
    expect(readChatFrame('message', { ...beside, employmentId: '15', content: 'Hello', messageId: '' })).toEqual({
      type: 'message',
      employmentId: 15n,
      wish: { type: 'text', content: 'Hello', messageId: undefined, metadata: undefined },
    });
    expect(readChatFrame('read', { ...beside, messageId: 'r', employmentId: 15, lastReadMessageId: 'm' })).toEqual({
      type: 'read',
      employmentId: 15n,
      last: 'm',
    });
  });

  it.each<[JsonObject, string[]]>([
    [{}, ['content', 'employmentId']],
    [{ employmentId: 0, content: [] }, ['content', 'employmentId']],
    [{ employmentId: '1.5', content: ' ' }, ['content', 'employmentId']],
    [
      { employmentId: 1, content: 'x', metadata: { attachments: [{}, null, { url: 'x:y' }] } },
      ['metadata.attachments[0].url', 'metadata.attachments[1]', 'metadata.attachments[2].url'],
    ],
  ])('%j names every wrong field', (fields, wrong) => {
    const read = (): unknown => readChatFrame('message', fields);
    expect(read).toThrow('VALIDATION_FAILED');
    try {
      read();
    } catch (error) {
      const { errors } = error as { errors: { field: string }[] };
      expect(errors.map(({ field }) => field).sort()).toEqual(wrong);
    }
  });
});
