import { randomUUID } from 'node:crypto';
import type { WebhookClientConfig } from '../../generated/api/admissionregistration/v1.ts';
import type { CustomResourceConversion } from '../../generated/api/apiextensions/v1.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { kindText, readConverted, reviewVersionOf, writeReview } from './conversion-review.ts';

/** Posts a question to a webhook, and resolves to the JSON value of its answer. */
export interface ConversionCaller {
  post(request: {
    readonly clientConfig: WebhookClientConfig;
    readonly body: Buffer;
    readonly timeoutSeconds: number;
    readonly userAgent: string;
    readonly signal: AbortSignal;
  }): Promise<unknown>;
}

const TIMEOUT_SECONDS = 30;
const USER_AGENT = 'kube-apiserver-admission';

/** Objects of one definition, converted by its webhook. Source: apiextensions-apiserver `pkg/apiserver/conversion`. */
export class ConversionWebhook {
  readonly #conversion: CustomResourceConversion;
  readonly #versions: ReadonlySet<string>;
  readonly #open: () => Promise<ConversionCaller>;
  // Answers serve all who ask for the same objects: the end of one request does not end the question.
  readonly #signal = new AbortController().signal;

  /** @param apiVersions - All that the definition names. */
  constructor(
    conversion: CustomResourceConversion,
    apiVersions: readonly string[],
    open: () => Promise<ConversionCaller>,
  ) {
    this.#conversion = conversion;
    this.#versions = new Set(apiVersions);
    this.#open = open;
  }

  /** The objects, none of which is in that version yet, in their order. @throws StatusError 500 in upstream's words */
  async convert(objects: readonly AnyObject[], apiVersion: string): Promise<readonly AnyObject[]> {
    try {
      return await this.#ask(objects, apiVersion);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new StatusError({ code: 500, reason: '', message }, { cause: error });
    }
  }

  async #ask(objects: readonly AnyObject[], desiredApiVersion: string): Promise<readonly AnyObject[]> {
    const [first] = objects;
    if (first === undefined) return [];
    const strange = objects.find(({ apiVersion = '' }) => !this.#versions.has(apiVersion));
    if (strange !== undefined) {
      throw new Error(`request to convert CR from an invalid group/version: ${strange.apiVersion}`);
    }
    const review = {
      uid: randomUUID(),
      version: reviewVersionOf(this.#conversion),
      objects,
      desiredApiVersion,
    };
    return readConverted(await this.#post(writeReview(review), kindText(first)), review);
  }

  async #post(body: Buffer, kind: string): Promise<unknown> {
    try {
      const caller = await this.#open();
      return await caller.post({
        clientConfig: (this.#conversion.webhook?.clientConfig ?? {}) as WebhookClientConfig,
        body,
        timeoutSeconds: TIMEOUT_SECONDS,
        userAgent: USER_AGENT,
        signal: this.#signal,
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`conversion webhook for ${kind} failed: ${why}`, { cause: error });
    }
  }
}
