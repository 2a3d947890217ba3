// A client that openapi-generator made for Go, against a running service: see scripts/sdks.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"visor"
)

const host = "10.0.0.7"

var later = os.Getenv("LATER") != ""

func check(holds bool, said ...interface{}) {
	if !holds {
		panic(fmt.Sprint(said...))
	}
}

// done: a call that has to succeed.
func done[T any](found *T, _ *http.Response, err error) *T {
	check(err == nil, problem(err), err)
	return found
}

// problem: what the service says of a call that it refuses.
func problem(err error) *visor.Problem {
	var refused *visor.GenericOpenAPIError
	if errors.As(err, &refused) {
		if found, typed := refused.Model().(visor.Problem); typed {
			return &found
		}
		// A status that the operation does not declare: the body is there all the same.
		var found visor.Problem
		check(json.Unmarshal(refused.Body(), &found) == nil, string(refused.Body()))
		return &found
	}
	return &visor.Problem{}
}

func refused(code string, status int32, err error) *visor.Problem {
	found := problem(err)
	check(found.Code == code && found.Status == status, code, " wanted: ", found, " ", err)
	return found
}

func client(url string) *visor.APIClient {
	configuration := visor.NewConfiguration()
	configuration.Servers = visor.ServerConfigurations{{URL: url}}
	return visor.NewAPIClient(configuration)
}

func with(token string) context.Context {
	return context.WithValue(context.Background(), visor.ContextAccessToken, token)
}

func main() {
	app, token := os.Getenv("APP"), with(os.Getenv("ADMIN_TOKEN"))
	v := client(os.Getenv("VISOR_URL"))
	apps, proctypes, instances := v.AppsAPI, v.ProctypesAPI, v.InstancesAPI

	create := *visor.NewAppCreate(app, "https://git.example.com/go.git", "lenny")
	made := done(apps.RegisterApp(token).AppCreate(create).Execute())
	check(made.Name == app && made.GetHead() == "", made)
	_, _, err := apps.RegisterApp(token).AppCreate(create).Execute()
	refused("already-exists", 409, err)

	moo, meow := "moo", "meow"
	done(apps.PatchEnv(token, app).RequestBody(map[string]*string{"cow": &moo, "cat": &meow}).Execute())
	env := done(apps.PatchEnv(token, app).RequestBody(map[string]*string{"cat": nil}).Execute())
	check(fmt.Sprint(env.Vars) == "map[cow:moo]", env.Vars)

	proposed := done(v.RevisionsAPI.RegisterRevision(token, app).RevisionCreate(*visor.NewRevisionCreate("r1")).Execute())
	check(proposed.State == "proposed", proposed)
	ratification := *visor.NewRatification("https://archive.example.com/r1.img")
	accepted := done(v.RevisionsAPI.RatifyRevision(token, app, "r1").Ratification(ratification).Execute())
	check(accepted.State == "accepted", accepted)
	patch := visor.NewAppPatch()
	patch.SetHead("r1")
	check(done(apps.PatchApp(token, app).AppPatch(*patch).Execute()).GetHead() == "r1")
	patch.SetHeadNil()
	check(!done(apps.PatchApp(token, app).AppPatch(*patch).Execute()).Head.IsSet() || patch.Head.Get() == nil)

	web := done(proctypes.RegisterProctype(token, app).ProctypeCreate(*visor.NewProctypeCreate("web")).Execute())
	check(web.Port >= 8000, web)
	target := *visor.NewScaleTarget("r1", 3)
	scaled := done(v.ScaleAPI.SetScale(token, app, "web").ScaleTarget(target).Execute())
	check(len(scaled.Started) == 3, scaled)

	on := with(os.Getenv("HOST_TOKEN"))
	next := visor.NewClaimNext(host)
	next.SetApp(app)
	next.SetWait(5)
	claimed := done(v.LifeOfAnInstanceAPI.ClaimNext(on).ClaimNext(*next).Execute())
	check(claimed.Status == "claimed" && claimed.GetHost() == host, claimed)
	start := visor.NewStart(host, "box7", 9000)
	start.SetClaimRev(claimed.GetClaimRev())
	running := done(v.LifeOfAnInstanceAPI.StartInstance(on, claimed.Id).Start(*start).Execute())
	check(running.Status == map[bool]string{false: "running", true: "warming"}[later], running)

	then := done(apps.GetApp(token, app).Rev(made.GetRev()).Execute())
	check(len(then.Env) == 0, then)

	_, response, err := apps.GetApp(token, app).Execute()
	check(err == nil, err)
	tag := response.Header.Get("ETag")
	patch = visor.NewAppPatch()
	patch.SetStack("squeeze")
	done(apps.PatchApp(token, app).IfMatch(tag).AppPatch(*patch).Execute())
	_, _, err = apps.PatchApp(token, app).IfMatch(tag).AppPatch(*patch).Execute()
	check(refused("rev-mismatch", 412, err).GetCurrentRev() > made.GetRev())

	problems(v, app, create, token, on, scaled.Started[2])

	ids, cursor := []int64{}, ""
	for {
		asked := instances.ListAppInstances(token, app).Limit(1)
		if cursor != "" {
			asked = asked.Cursor(cursor)
		}
		page := done(asked.Execute())
		for _, each := range page.Items {
			ids = append(ids, each.Id)
		}
		if page.Next.Get() == nil {
			break
		}
		cursor = page.GetNext()
	}
	check(fmt.Sprint(ids) == fmt.Sprint(scaled.Started), ids)

	place := events(v, app, token, fmt.Sprint(made.GetRev()-1))
	asked := time.Now()
	go func() {
		time.Sleep(300 * time.Millisecond)
		done(apps.SetEnvVar(token, app, "late").EnvVarSet(*visor.NewEnvVarSet("1")).Execute())
	}()
	page := done(v.EventsAPI.ListAppEvents(token, app).Rev(place).Wait(30).Execute())
	check(page.Items[len(page.Items)-1].AppEvent.Object.Env["late"] == "1", page)
	check(time.Since(asked) < 25*time.Second, "it did not wait for the event, but for the end")
}

func problems(v *visor.APIClient, app string, create visor.AppCreate, token, on context.Context, pending int64) {
	_, _, err := v.AppsAPI.ListApps(token).Cursor("nothere").Execute()
	refused("invalid-cursor", 400, err)
	_, _, err = v.AppsAPI.GetApp(token, app).Rev(1 << 40).Execute()
	check(refused("rev-in-future", 400, err).GetCurrentRev() > 0)
	_, _, err = v.AppsAPI.GetApp(with("nothere"), app).Execute()
	refused("unauthenticated", 401, err)
	_, _, err = v.AppsAPI.RegisterApp(on).AppCreate(create).Execute()
	refused("forbidden", 403, err)
	_, _, err = v.AppsAPI.GetApp(token, "nothere").Execute()
	refused("not-found", 404, err)
	_, _, err = v.AppsAPI.UnregisterApp(token, app).Execute()
	_, _, stopped := v.LifeOfAnInstanceAPI.StopInstance(token, pending).Execute()
	if later {
		refused("held", 409, err)
		refused("invalid-state", 425, stopped)
	} else {
		refused("in-use", 409, err)
		check(refused("invalid-state", 409, stopped).GetState() == "pending")
	}
	_, _, err = client(os.Getenv("SHORT_URL")).AppsAPI.ListApps(token).Rev(1).Execute()
	check(refused("rev-compacted", 410, err).GetOldestRev() > 1)
	long := visor.NewEnvVarSet(strings.Repeat("x", 2_000_000))
	_, _, err = v.AppsAPI.SetEnvVar(token, app, "long").EnvVarSet(*long).Execute()
	refused("body-too-large", 413, err)
	create.Name = "no name"
	_, _, err = v.AppsAPI.RegisterApp(token).AppCreate(create).Execute()
	check(refused("invalid-request", 422, err).Errors[0].Loc[1].String != nil)
}

// events: all pages, each event as what it is; the place after the last.
func events(v *visor.APIClient, app string, token context.Context, place string) string {
	types := []string{}
	for {
		page := done(v.EventsAPI.ListAppEvents(token, app).Rev(place).Limit(4).Execute())
		place = page.Next
		if len(page.Items) == 0 {
			break
		}
		for _, each := range page.Items {
			switch {
			case each.AppEvent != nil:
				check(each.AppEvent.Object.Name == app)
				types = append(types, each.AppEvent.Type)
			case each.RevisionEvent != nil:
				check(each.RevisionEvent.Object.Ref == "r1")
				types = append(types, each.RevisionEvent.Type)
			case each.ProctypeEvent != nil:
				types = append(types, each.ProctypeEvent.Type)
			case each.ScaleEvent != nil:
				check(each.ScaleEvent.Object.Target == 3)
				types = append(types, each.ScaleEvent.Type)
			case each.InstanceEvent != nil:
				check(each.InstanceEvent.Object.Proctype == "web")
				types = append(types, each.InstanceEvent.Type)
			case each.AnyOtherEvent != nil:
				check(later && each.AnyOtherEvent.AdditionalProperties["quota"] == 7.0, each.AnyOtherEvent)
				types = append(types, "+")
			}
		}
	}
	told := strings.Join(types, " ")
	check(strings.Contains(told, "+") == later, told)
	check(strings.ReplaceAll(told, "+ ", "") == os.Getenv("EVENTS"), told)
	return place
}
