"""The words of the demo's people: trips, food, notices, and asking for help. All made up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread's title, and its posts: text, and how an unrelated picture is shown or ""."""

    title: str
    posts: tuple[tuple[str, str], ...]


MEMBERS = ("달팽이", "Mina", "초록우산", "harbour_cat", "보리차")
CHANNEL_ABOUT = "우리 동네 소식과 사진을 나눕니다.\nLocal news, in Korean and English."

RULES = Thread(
    "이용 규칙 / House rules",
    (
        (
            "다른 사람이 나온 사진은 허락을 받고 올려 주세요.\n"
            "Ask before you post a photo that shows somebody else.",
            "",
        ),
    ),
)
HOW_TO = Thread(
    "[필독] 사진 올리는 방법",
    (("글쓰기에서 파일을 고르면 됩니다 :) 한 글에 세 장까지 올릴 수 있어요.", "full"),),
)
TRIP = Thread(
    "강릉 당일치기 후기 (사진 많음)",
    (
        ("새벽 기차로 다녀왔습니다. 바다 색이 정말 좋았어요.\n다음 글에 이어집니다.", "thumbnail"),
        ("오, 어느 역에서 내리셨어요? 저도 다음 주에 가려고요.", ""),
        ("어디서 받은 사진인데 분위기가 비슷해서 올려 봅니다.", ""),
        ("The light in the first one is lovely. Which lens was it?", ""),
        ("해변 뒤쪽 골목 국숫집도 추천합니다. 줄이 길지만 금방 줄어요.", "inline"),
        ("We went in May and it was much quieter. Take a jacket, the wind is cold.", ""),
        ("작은 사이즈로 다시 올립니다.", ""),
        ("기차표는 https://example.org/train 에서 미리 사는 게 싸더라고요 :)", ""),
    ),
)
QUOTING = "이 사진 누가 찍은 건지 아세요? 함부로 돌아다니면 안 될 것 같은데요."
FOOD = Thread(
    "오늘 점심 뭐 드셨나요",
    (
        ("날이 추워서 칼국수 먹었습니다.", "linked"),
        ("저는 김밥 두 줄 :)", ""),
        ("Leftover curry, and it was better than yesterday.", "thumbnail"),
    ),
)
TAKE_DOWN = Thread(
    "제 사진이 올라와 있는데 내려 주실 수 있나요",
    (
        ("제 계정에 있던 사진을 누가 퍼 온 것 같습니다. 삭제 부탁드립니다.", ""),
        ("혹시 이 사진 말씀이신가요? 다른 방에서 보고 가져온 겁니다.", ""),
        ("네 맞습니다. 허락한 적 없습니다. 내려 주세요.", ""),
        ("Please take it down. She asked nicely, and it is not yours to share.", ""),
        ("이것도 같이 돌던데 한 분 사진 아닌가요?", ""),
        ("관리자에게 신고했습니다. 캡처해 두고 지원 센터에도 알리세요.", ""),
    ),
)
SUPPORT = Thread(
    "도움 받을 수 있는 곳 모음",
    (
        (
            "합성사진 피해 상담 안내: 삭제 지원과 상담을 무료로 해 주는 센터 안내문을 첨부합니다.\n"
            "You do not have to do this alone.",
            "",
        ),
        ("센터에서 친절하게 안내해 주셨어요. 증거를 남기고 연락하라고 하셨습니다.", ""),
        ("Thank you for the list. I passed it on to the school counsellor.", ""),
    ),
)
SHORT_THREADS = (
    Thread("가을 단풍 명소 추천해 주세요", (("주말에 걷기 좋은 곳 있을까요?", "thumbnail"),)),
    Thread("Lost umbrella at the bus stop", (("Blue, with a wooden handle.", ""),)),
    Thread("필름 카메라 입문", (("중고로 하나 샀는데 첫 롤이 나왔습니다.", "inline"),)),
)
INNER = Thread("회원 정모 사진", (("로그인한 회원만 볼 수 있습니다.", "thumbnail"),))

# Which of the channel's posts carry a picture of nobody.
CHANNEL_PHOTOS = (1, 5, 9, 14, 18)
CHANNEL_POSTS = (
    "채널을 열었습니다. 동네 소식을 매일 전합니다. #안내",
    "오늘 아침 하천 산책로입니다. 물이 많이 줄었네요 🌿",
    "The library closes at six this week because of repairs.",
    "토요일 벼룩시장은 비가 오면 일요일로 미룹니다. #행사",
    "정류장 공사로 3번 버스가 우회합니다.\n오전 7시부터 오후 4시까지입니다.",
    "시장 입구 새 빵집 사진 보내 주신 분 감사합니다 🍞",
    "고양이를 찾습니다. 회색 줄무늬, 목걸이 있음.",
    "Found: a child's mitten near the fountain. Ask at the kiosk.",
    "주민센터 민원실 운영 시간이 바뀌었습니다. 자세한 것은 https://example.org/hours",
    "저녁 노을이 좋아서 한 장 📷",
    "내일 오전 단수 안내: 2동과 3동, 9시부터 11시까지.",
    "영화 모임은 이번 달부터 목요일입니다. #모임",
    "Blood donation bus in front of the town hall on Friday.",
    "사진을 함부로 퍼 나르지 말아 주세요. 당사자가 내려 달라고 합니다.",
    "도서관 앞 은행나무가 노랗게 물들었습니다 🍂",
    "자전거 등록제 신청은 이번 주까지입니다.",
    "Reminder: other people's photos are not ours to pass on.",
    "어르신 스마트폰 교실 수강생을 모집합니다. #안내",
    "겨울 간식 지도 만들었습니다. 빠진 곳 알려 주세요.",
    "내일은 한파 주의보입니다. 수도 계량기를 살펴 주세요.",
)
CHANNEL_REPOSTS = (
    "다른 방에서 받은 사진입니다. 아는 분 계신가요?",
    "이 사진도 돌고 있네요. 본인이 원하지 않으면 지우겠습니다.",
    "어제 모인 사진 세 장",
    "사진들을 영상으로 엮어 봤습니다 🎬",
)
CHANNEL_LAST = "신고와 삭제 요청은 관리자에게 보내 주세요. We remove photos on request."
SECOND_ACT = "방금 올라온 사진이라고 합니다."
