import {
  IsId,
  IsIdOrDigits,
  IsIdOrText,
  IsInteger,
  IsText,
  IsWebAddress,
  Limit,
  Nested,
  NestedList,
  Optional,
} from '#platform';
import { ATTACHMENTS_MAX, CONTENT_MAX, MESSAGE_ID_MAX, NAME_MAX, URL_MAX } from './chat.js';

const WORD_MAX = 64;

class AttachmentPart {
  @IsWebAddress(URL_MAX) url!: string;
  @Optional() @IsText(1, WORD_MAX) type?: string;
  @Optional() @IsText(1, NAME_MAX) name?: string;
  @Optional() @IsInteger(0, Number.MAX_SAFE_INTEGER) size?: number;
}

class MetadataPart {
  @Optional() @IsText(1, WORD_MAX) language?: string;
  @Optional() @IsText(1, WORD_MAX) format?: string;
  @Optional() @NestedList(() => AttachmentPart, ATTACHMENTS_MAX) attachments?: AttachmentPart[];
}

class Said {
  @IsText(1, CONTENT_MAX) content!: string;
  @Optional() @IsText(1, MESSAGE_ID_MAX) messageId?: string;
  @Optional() @Nested(() => MetadataPart) metadata?: MetadataPart;
}

export class MessageBody extends Said {
  @Optional() @IsText(1, WORD_MAX) type?: string;
}

export class ReadBody {
  @IsIdOrText(MESSAGE_ID_MAX) lastReadMessageId!: bigint | string;
}

/** The chat frame of a client. Its `type` is that of the frame. */
export class MessageFrame extends Said {
  @IsIdOrDigits() employmentId!: bigint;
}

/** The read receipt of a client. */
export class ReadFrame extends ReadBody {
  @IsIdOrDigits() employmentId!: bigint;
}

export class MessagesQuery {
  /** Only messages with a lower number. */
  @Optional() @IsId() before?: bigint;
  @Limit(50, 100) limit!: number;
}
