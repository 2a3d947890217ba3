// A client that openapi-generator made for Java, against a running service: see scripts/sdks.

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.http.HttpClient;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.JSON;
import org.openapitools.client.api.*;
import org.openapitools.client.api.AppsApi.*;
import org.openapitools.client.api.EventsApi.*;
import org.openapitools.client.api.InstancesApi.*;
import org.openapitools.client.api.LifeOfAnInstanceApi.*;
import org.openapitools.client.model.*;

public class Scenario {
  static final String HOST = "10.0.0.7";
  static final boolean LATER = System.getenv("LATER") != null;
  static final String APP = System.getenv("APP");

  interface Call {
    Object made() throws ApiException;
  }

  static void check(boolean holds, Object said) {
    if (!holds) throw new AssertionError(said);
  }

  /** What the service says of a call that it refuses. */
  static Problem refused(String code, int status, Call call) throws Exception {
    try {
      throw new AssertionError(code + " wanted: " + call.made());
    } catch (ApiException error) {
      Problem found = JSON.getDefault().getMapper().readValue(error.getResponseBody(), Problem.class);
      check(code.equals(found.getCode()) && error.getCode() == status && found.getStatus() == status, found);
      return found;
    }
  }

  static ApiClient client(String url, String token) {
    ObjectMapper mapper = ApiClient.createDefaultObjectMapper();
    // A null in a map removes a variable; the mapper as it is made leaves it out.
    mapper.setDefaultPropertyInclusion(JsonInclude.Value.construct(Include.NON_NULL, Include.ALWAYS));
    ApiClient client = new ApiClient(HttpClient.newBuilder(), mapper, url);
    client.setReadTimeout(Duration.ofSeconds(90));
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
    return client;
  }

  public static void main(String[] arguments) throws Exception {
    String url = System.getenv("VISOR_URL"), admin = System.getenv("ADMIN_TOKEN");
    ApiClient client = client(url, admin), host = client(url, System.getenv("HOST_TOKEN"));
    AppsApi apps = new AppsApi(client);
    RevisionsApi revisions = new RevisionsApi(client);

    AppCreate create = new AppCreate().name(APP).repoUrl("https://git.example.com/java.git").stack("lenny");
    APIRegisterAppRequest register = APIRegisterAppRequest.newBuilder().appCreate(create).build();
    App made = apps.registerApp(register);
    check(made.getName().equals(APP) && made.getHead() == null, made);
    refused("already-exists", 409, () -> apps.registerApp(register));

    apps.patchEnv(APIPatchEnvRequest.newBuilder().app(APP).requestBody(Map.of("cow", "moo", "cat", "meow")).build());
    Map<String, String> removal = new HashMap<>();
    removal.put("cat", null);
    Env env = apps.patchEnv(APIPatchEnvRequest.newBuilder().app(APP).requestBody(removal).build());
    check(env.getVars().equals(Map.of("cow", "moo")), env);

    RevisionCreate revision = new RevisionCreate().ref("r1");
    check(revisions.registerRevision(APP, revision, null, null, null, null, null).getState().equals("proposed"), "");
    Ratification ratification = new Ratification().archiveUrl("https://archive.example.com/r1.img");
    Revision accepted = revisions.ratifyRevision(APP, "r1", ratification, null, null, null, null, null, null, null);
    check(accepted.getState().equals("accepted"), accepted);
    App headed = apps.patchApp(patch(new AppPatch().head("r1")).build());
    check("r1".equals(headed.getHead()), headed);
    App headless = apps.patchApp(patch(new AppPatch().head(null)).build());
    check(headless.getHead() == null, headless);

    ProctypeCreate web = new ProctypeCreate().name("web");
    Proctype proctype = new ProctypesApi(client).registerProctype(APP, web, null, null, null, null, null);
    check(proctype.getPort() >= 8000, proctype);
    ScaleTarget target = new ScaleTarget().revision("r1").count(3);
    Scaled scaled = new ScaleApi(client).setScale(APP, "web", target, null, null, null, null, null, null);
    check(scaled.getStarted().size() == 3, scaled);

    LifeOfAnInstanceApi life = new LifeOfAnInstanceApi(host);
    ClaimNext next = new ClaimNext().host(HOST).app(APP).waitSeconds(5);
    Instance claimed = life.claimNext(APIClaimNextRequest.newBuilder().claimNext(next).build());
    check(claimed.getStatus().equals("claimed") && claimed.getHost().equals(HOST), claimed);
    Start start = new Start().host(HOST).claimRev(claimed.getClaimRev()).hostname("box7").port(9000);
    Instance running =
        life.startInstance(APIStartInstanceRequest.newBuilder().id(claimed.getId()).start(start).build());
    check(running.getStatus().equals(LATER ? "warming" : "running"), running);

    App then = apps.getApp(APIGetAppRequest.newBuilder().app(APP).rev(made.getRev()).build());
    check(then.getEnv().isEmpty(), then);

    APIGetAppRequest now = APIGetAppRequest.newBuilder().app(APP).build();
    String tag = apps.getAppWithHttpInfo(now).getHeaders().get("etag").get(0);
    APIPatchAppRequest change = patch(new AppPatch().stack("squeeze")).ifMatch(tag).build();
    check(apps.patchApp(change).getStack().equals("squeeze"), "");
    check(refused("rev-mismatch", 412, () -> apps.patchApp(change)).getCurrentRev() > made.getRev(), "");

    problems(client, host, create, scaled.getStarted().get(2));

    List<Long> ids = new ArrayList<>();
    String cursor = null;
    do {
      InstancePage page =
          new InstancesApi(client)
              .listAppInstances(APIListAppInstancesRequest.newBuilder().app(APP).limit(1).cursor(cursor).build());
      page.getItems().forEach(each -> ids.add(each.getId()));
      cursor = page.getNext();
    } while (cursor != null);
    check(ids.equals(scaled.getStarted()), ids);

    String place = events(new EventsApi(client), String.valueOf(made.getRev() - 1));
    Instant asked = Instant.now();
    Thread writer =
        new Thread(
            () -> {
              try {
                Thread.sleep(300);
                EnvVarSet late = new EnvVarSet().value("1");
                apps.setEnvVar(APISetEnvVarRequest.newBuilder().app(APP).key("late").envVarSet(late).build());
              } catch (Exception error) {
                throw new AssertionError(error);
              }
            });
    writer.start();
    EventPage page =
        new EventsApi(client)
            .listAppEvents(APIListAppEventsRequest.newBuilder().app(APP).rev(place).waitSeconds(30).build());
    List<Event> told = page.getItems();
    AppEvent last = (AppEvent) told.get(told.size() - 1).getActualInstance();
    check("1".equals(last.getObject().getEnv().get("late")), last);
    check(Duration.between(asked, Instant.now()).toSeconds() < 25, "it did not wait for the event, but for the end");
    writer.join();
  }

  static APIPatchAppRequest.Builder patch(AppPatch patch) {
    return APIPatchAppRequest.newBuilder().app(APP).appPatch(patch);
  }

  static void problems(ApiClient client, ApiClient host, AppCreate create, long pending) throws Exception {
    String url = System.getenv("VISOR_URL"), admin = System.getenv("ADMIN_TOKEN");
    AppsApi apps = new AppsApi(client), asHost = new AppsApi(host);
    AppsApi asNobody = new AppsApi(client(url, "nothere")), shortened = new AppsApi(client(System.getenv("SHORT_URL"), admin));
    APIRegisterAppRequest.Builder register = APIRegisterAppRequest.newBuilder();
    APIGetAppRequest.Builder get = APIGetAppRequest.newBuilder();
    refused("invalid-cursor", 400, () -> apps.listApps(null, null, null, null, "nothere"));
    Problem future = refused("rev-in-future", 400, () -> apps.getApp(get.app(APP).rev(1L << 40).build()));
    check(future.getCurrentRev() > 0, future);
    refused("unauthenticated", 401, () -> asNobody.getApp(APIGetAppRequest.newBuilder().app(APP).build()));
    refused("forbidden", 403, () -> asHost.registerApp(register.appCreate(create).build()));
    refused("not-found", 404, () -> apps.getApp(APIGetAppRequest.newBuilder().app("nothere").build()));
    APIUnregisterAppRequest used = APIUnregisterAppRequest.newBuilder().app(APP).build();
    refused(LATER ? "held" : "in-use", 409, () -> apps.unregisterApp(used));
    APIStopInstanceRequest stop = APIStopInstanceRequest.newBuilder().id(pending).build();
    refused("invalid-state", LATER ? 425 : 409, () -> new LifeOfAnInstanceApi(client).stopInstance(stop));
    Problem gone = refused("rev-compacted", 410, () -> shortened.listApps(1L, null, null, null, null));
    check(gone.getOldestRev() > 1, gone);
    APISetEnvVarRequest large =
        APISetEnvVarRequest.newBuilder().app(APP).key("l").envVarSet(new EnvVarSet().value("x".repeat(2_000_000))).build();
    refused("body-too-large", 413, () -> apps.setEnvVar(large));
    AppCreate unnamed = new AppCreate().name("no name").repoUrl("r").stack("s");
    Problem invalid = refused("invalid-request", 422, () -> apps.registerApp(register.appCreate(unnamed).build()));
    check("name".equals(invalid.getErrors().get(0).getLoc().get(1).getActualInstance()), invalid);
  }

  /** All pages, each event as what it is; the place after the last. */
  static String events(EventsApi api, String place) throws Exception {
    List<String> types = new ArrayList<>();
    while (true) {
      EventPage page =
          api.listAppEvents(APIListAppEventsRequest.newBuilder().app(APP).rev(place).limit(4).build());
      place = page.getNext();
      if (page.getItems().isEmpty()) break;
      for (Event each : page.getItems()) {
        Object event = each.getActualInstance();
        if (event instanceof AppEvent one) {
          check(one.getObject().getName().equals(APP), one);
          types.add(one.getType());
        } else if (event instanceof RevisionEvent one) {
          check(one.getObject().getRef().equals("r1"), one);
          types.add(one.getType());
        } else if (event instanceof ProctypeEvent one) {
          types.add(one.getType());
        } else if (event instanceof ScaleEvent one) {
          check(one.getObject().getTarget() == 3, one);
          types.add(one.getType());
        } else if (event instanceof InstanceEvent one) {
          check(one.getObject().getProctype().equals("web"), one);
          types.add(one.getType());
        } else if (event instanceof AnyOtherEvent one) {
          check(LATER && one.getAdditionalProperty("quota").equals(7), one);
          types.add("+");
        }
      }
    }
    check(types.contains("+") == LATER, types);
    types.removeIf("+"::equals);
    check(types.equals(Arrays.asList(System.getenv("EVENTS").split(" "))), types);
    return place;
  }
}
