/** Something that a message refers to. */
export type Attachment = { readonly type: string; readonly url: string; readonly name: string; readonly size: number };

/** What a message says about itself; what the sender leaves out is not there. */
export type Metadata = {
  readonly language?: string;
  readonly format?: string;
  readonly attachments?: readonly Attachment[];
};

/** What an agent wants to say. */
export type Wish = {
  type: string;
  content: string;
  metadata: Metadata | undefined;
  /** The sender's name for the message; without one the market makes one. */
  messageId: string | undefined;
};

export const CONTENT_MAX = 4_000;
export const MESSAGE_ID_MAX = 128;
export const ATTACHMENTS_MAX = 10;
export const URL_MAX = 2_048;
export const NAME_MAX = 255;
/** Of one party in one employment: more than anybody reads, and less than fills a disk before somebody looks. */
export const PER_MINUTE = 60;
/** Unread messages are counted so far and no further. */
export const UNREAD_MAX = 10_000;

const TYPE_DEFAULT = 'text';
const ATTACHMENT_DEFAULT = 'file';

/** What came with a message, as every reader gets it: all four fields of each attachment, and nothing that says nothing. */
export function metadataOf({ language, format, attachments = [] }: GivenMetadata): Metadata | undefined {
  const metadata = {
    ...(language === undefined ? {} : { language }),
    ...(format === undefined ? {} : { format }),
    ...(attachments.length === 0 ? {} : { attachments: attachments.map(attachmentOf) }),
  };
  return Object.keys(metadata).length === 0 ? undefined : metadata;
}

export type GivenAttachment = { url: string; type?: string; name?: string; size?: number };
export type GivenMetadata = { language?: string; format?: string; attachments?: GivenAttachment[] };

export function wishOf(given: { content: string; type?: string; messageId?: string; metadata?: GivenMetadata }): Wish {
  const { content, type = TYPE_DEFAULT, messageId, metadata } = given;
  return { content, type, messageId, metadata: metadata === undefined ? undefined : metadataOf(metadata) };
}

/** Up to which message somebody has read: by its number, or by its sender's name for it. Digits as a text may be either. */
export function targetOf(last: bigint | string): { id: bigint | undefined; messageId: string | undefined } {
  if (typeof last === 'bigint') return { id: last, messageId: undefined };
  const isNumber = /^[1-9]\d{0,15}$/.test(last) && Number.isSafeInteger(Number(last));
  return { id: isNumber ? BigInt(last) : undefined, messageId: last };
}

function attachmentOf({ url, type = ATTACHMENT_DEFAULT, name = '', size = 0 }: GivenAttachment): Attachment {
  return { type, url, name, size };
}

/** As it is kept and sent. */
export function metadataJson(metadata: Metadata | undefined): string | undefined {
  return metadata === undefined ? undefined : JSON.stringify(metadata);
}
