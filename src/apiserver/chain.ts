import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Auditor } from './audit/auditor.ts';
import type {
  Answer,
  AuthenticatedCall,
  Authenticator,
  Authorizer,
  Call,
  Credentials,
  Handler,
  WireAnswer,
} from './call.ts';
import { withAudit } from './filters/audit.ts';
import { withAuthentication } from './filters/authentication.ts';
import { withAuthorization } from './filters/authorization.ts';
import { withDeadline } from './filters/deadline.ts';
import { toFaultAnswer, withFaults } from './filters/faults.ts';
import { withFlowControl } from './filters/flow-control.ts';
import { withImpersonation } from './filters/impersonation.ts';
import type { FlowControl } from './flowcontrol/flow-control.ts';
import type { ApiServerMetrics } from './metrics/api-server-metrics.ts';
import { FlowMetrics } from './metrics/flow-metrics.ts';
import { tellEnd } from './metrics/tell-end.ts';
import { render } from './render/render.ts';

export interface ChainDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  credentialsOf(call: Call): Credentials;
  /** Default: requests are told of nowhere. */
  readonly auditor: Auditor | undefined;
  readonly flowControl: FlowControl;
  readonly metrics: ApiServerMetrics;
  /** What serves the call in the end. */
  readonly dispatch: Handler<AuthenticatedCall>;
}

/**
 * The filters of a request, outermost first: render the answer (faults too), set the deadline, authenticate, audit, impersonate,
 * sort by flow, authorize, dispatch. The request's meaning comes with the call; no body is read before dispatch.
 */
export function createChain(deps: ChainDeps): Handler<Call, WireAnswer> {
  const { authorizer, auditor, logger, flowControl, metrics } = deps;
  const authenticator = metrics.access.authenticator(deps.authenticator);
  const controlled = withFlowControl(
    flowControl,
    () => deps.clock.nowMs(),
    withAuthorization(metrics.access.authorizer(authorizer), deps.dispatch),
    new FlowMetrics(metrics.registry, () => flowControl.limits()),
  );
  const answer = withFaults(
    logger,
    withDeadline(
      deps.clock,
      withAuthentication(
        authenticator,
        deps.credentialsOf,
        withAudit(auditor, withFaults(logger, withImpersonation(authorizer, controlled))),
        (call) => auditor?.refuse(call),
      ),
    ),
  );
  const finish = (call: Call, found: Answer): WireAnswer => {
    try {
      return render(call, found, metrics.watches);
    } catch (error) {
      return render(call, toFaultAnswer(error, call, logger));
    }
  };
  return async (call) => {
    const end = metrics.requests.begin(call);
    try {
      const found = await answer(call);
      const answered = finish(call, found);
      tellEnd(call, found, answered, metrics.requests);
      return answered;
    } catch (error) {
      call.trace?.audit?.panicked(error);
      throw error;
    } finally {
      end();
    }
  };
}
